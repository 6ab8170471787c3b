import { errorPage } from '@kss/example-view';
import type { ErrorRequestHandler, RequestHandler } from 'express';

export const notFound: RequestHandler = (_req, res) => {
  res
    .status(404)
    .send(errorPage({ status: 404, title: 'Page not found', message: 'There is nothing at this address.' }));
};

export const showError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error);
  const status = statusOf(error);
  if (status >= 500) console.error(error);
  res.status(status).send(errorPage({ status, ...explain(status) }));
};

function statusOf(error: unknown): number {
  const { status } = Object(error) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

/** An error's own message can tell more than a visitor should know. */
function explain(status: number): { title: string; message: string } {
  if (status === 403)
    return { title: 'This form is out of date', message: 'Nothing was changed. Go back and try again.' };
  if (status < 500) return { title: 'That did not work', message: 'The request could not be understood.' };
  return { title: 'Something went wrong', message: 'It is not your fault. Try again in a moment.' };
}
