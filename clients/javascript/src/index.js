export { MovementBuffer } from './buffer.js';
export { PeopleCounterClient } from './client.js';
export { PeopleCounterError } from './errors.js';
export { LocalStorageSpool } from './local-storage.js';
export { uuidv7 } from './uuid.js';
