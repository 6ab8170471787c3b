import { describeApp } from '@kss/example-view/testing';
import { variants } from './variants.js';

for (const [name, variant] of Object.entries(variants)) describeApp(`the Koa example on ${name}`, variant);
