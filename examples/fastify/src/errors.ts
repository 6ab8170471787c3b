import { errorPage, statusOf } from '@kss/example-view';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendPage } from './pages.js';

export function showNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  sendPage(reply.code(404), errorPage(404));
}

export function showError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error);
  if (status >= 500) request.log.error(error);
  sendPage(reply.code(status), errorPage(status));
}
