const REMEMBERED = 100;

/**
 * Tells the app of an error that no caller waits for. Without a function of the app's, each cause is logged once: a
 * database that is down for an hour fills no log.
 */
export function reporter(onError: ((error: Error) => void) | undefined): (error: unknown) => void {
  const logged = new Set<string>();
  const log = (error: Error) => {
    if (logged.has(error.message) || logged.size >= REMEMBERED) return;
    logged.add(error.message);
    console.error(error);
  };
  return (error) => {
    try {
      const heard: unknown = (onError ?? log)(error instanceof Error ? error : new Error(String(error)));
      if (heard instanceof Promise) heard.catch(() => {});
    } catch {
      // What hears of errors must not make one.
    }
  };
}
