import { describeInBrowser } from '@kss/example-view/testing';
import { variants } from './variants.js';

for (const [name, variant] of Object.entries(variants)) describeInBrowser(`the Koa example on ${name}`, variant);
