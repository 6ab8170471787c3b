/** What a page tells of something that happened before it. */
export const notices = {
  over: 'Your session has ended. Sign in to start a new one.',
  signedOut: 'You are signed out.',
  ended: (count: number) => (count === 0 ? 'That session had ended already.' : 'The session was ended.'),
  othersEnded: (count: number) =>
    count === 1 ? 'One other session was ended.' : `${count} other sessions were ended.`,
};

const NAME = /^[^\p{Cc}]{1,100}$/u;

/** What is wrong with a name that was typed, if anything is. */
export function nameError(name: string): string | undefined {
  if (NAME.test(name)) return undefined;
  return name === '' ? 'Enter a name.' : 'Enter at most 100 characters, without control characters.';
}

/** The status that a framework's error asks for. */
export function statusOf(error: unknown): number {
  const { status, statusCode = status } = Object(error) as { status?: unknown; statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 600 ? statusCode : 500;
}

/** What a visitor is told of an error. Its own message can tell more than a visitor should know. */
export function explain(status: number): { readonly title: string; readonly message: string } {
  if (status === 403)
    return { title: 'This form is out of date', message: 'Nothing was changed. Go back and try again.' };
  if (status === 404) return { title: 'Page not found', message: 'There is nothing at this address.' };
  if (status < 500) return { title: 'That did not work', message: 'The request could not be understood.' };
  return { title: 'Something went wrong', message: 'It is not your fault. Try again in a moment.' };
}
