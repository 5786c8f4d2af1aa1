// What Node loads for the package. Node 18 has the Web Crypto API, but not as a global.
import { webcrypto } from 'node:crypto';

import { setRandomSource } from './uuid.js';

if (globalThis.crypto === undefined) setRandomSource((bytes) => webcrypto.getRandomValues(bytes));

export * from './index.js';
