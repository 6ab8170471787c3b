import Bowser from 'bowser';

/** What a session's user agent says of the device behind it. */
export interface Device {
  readonly kind: 'desktop' | 'mobile' | 'tablet' | 'unknown';
  /** Such as `Firefox on Windows`. */
  readonly name: string;
}

const UNKNOWN: Device = { kind: 'unknown', name: 'Unknown browser' };

/** A user agent is whatever the client chose to send: the name is for display, and to be escaped. */
export function deviceOf(userAgent: string | null | undefined): Device {
  if (!userAgent) return UNKNOWN;
  const { browser, os, platform } = Bowser.parse(userAgent);
  // A script, such as curl/8.5.0, has no system; its first product is the best name that there is.
  if (!os.name)
    return { kind: 'unknown', name: browser.name?.trim() || /^[\w.-]+/.exec(userAgent)?.[0] || UNKNOWN.name };
  return { kind: kindOf(platform.type), name: `${browser.name || UNKNOWN.name} on ${os.name}` };
}

function kindOf(platform: string | undefined): Device['kind'] {
  return platform === 'desktop' || platform === 'mobile' || platform === 'tablet' ? platform : 'unknown';
}
