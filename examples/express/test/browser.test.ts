import { describeInBrowser } from '@kss/example-view/testing';
import { express } from './start.js';

describeInBrowser('the Express example in a browser', express);
