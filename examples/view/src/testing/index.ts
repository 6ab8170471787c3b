export { describeApp } from './app-suite.js';
export { describeInBrowser } from './browser-suite.js';
export { Client } from './client.js';
export { describeServer } from './server-suite.js';
export { type RunningApp, type StartOptions, startOn, type TestedApp } from './start.js';
