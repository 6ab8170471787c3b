import { describeInBrowser } from '@kss/example-view/testing';
import { fastify } from './start.js';

describeInBrowser('the Fastify example in a browser', fastify);
