// iron-webcrypto's declarations name one type of the DOM, which this project's types leave out; Node has it as well.
type CryptoKey = import("node:crypto").webcrypto.CryptoKey;
