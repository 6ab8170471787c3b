import { describeServer } from '@kss/example-view/testing';

for (const name of ['koa-generic-session', 'koa-session']) {
  describeServer(`the server of the Koa example on ${name}`, import.meta.url, { SESSION_MIDDLEWARE: name });
}
