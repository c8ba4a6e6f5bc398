/**
 * Two names of the browser that the types of postal-mime use as types, which Node's own declare as values only.
 * https://github.com/postalsys/postal-mime
 */
type TextEncoder = import("node:util").TextEncoder;
type TextDecoder = import("node:util").TextDecoder;
