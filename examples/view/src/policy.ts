const SELF = ["'self'"];
const NONE = ["'none'"];

/** The strictest policy that the pages work under, as helmet takes it for every framework. */
export const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: NONE,
    styleSrc: SELF,
    imgSrc: SELF,
    formAction: SELF,
    baseUri: NONE,
    frameAncestors: NONE,
  },
};
