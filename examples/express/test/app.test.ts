import { describeApp } from '@kss/example-view/testing';
import { express } from './start.js';

describeApp('the Express example', express);
