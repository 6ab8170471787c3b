import { describeServer } from '@kss/example-view/testing';

describeServer('the server of the Express example', import.meta.url);
