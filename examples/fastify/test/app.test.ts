import { describeApp } from '@kss/example-view/testing';
import { fastify } from './start.js';

describeApp('the Fastify example', fastify);
