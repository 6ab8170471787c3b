import { describeServer } from '@kss/example-view/testing';

describeServer('the server of the Fastify example', import.meta.url);
