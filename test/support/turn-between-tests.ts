/**
 * Between two tests the event loop has a turn: those that wait for nothing would else keep their process from hearing
 * vitest for so long that it is given up.
 */
import { setImmediate } from 'node:timers/promises';
import { afterEach } from 'vitest';

afterEach(() => setImmediate());
