/**
 * Loaded into a member before its program: its clock runs at `SKEW_RATE` of the machine's, and its wall clock jumps by
 * up to `SKEW_JUMP_MS` to and fro every few seconds. Timers come as early or late as such a clock makes them.
 */
'use strict';

const rate = Number(process.env.SKEW_RATE ?? '1');
const largestJumpMs = Number(process.env.SKEW_JUMP_MS ?? '0');
const EVERY_MS = 3000;

const RealDate = Date;
const realNow = performance.now.bind(performance);
const wallMs = RealDate.now.bind(RealDate);
const begunMs = wallMs();

/** Another one in each period; nothing needs a timer of its own. */
function offsetMs() {
  const period = Math.floor((wallMs() - begunMs) / EVERY_MS);
  const between = Math.sin((process.pid + 1) * (period + 1) * 12.9898) * 43758.5453;
  return Math.round((between - Math.floor(between) - 0.5) * 2 * largestJumpMs);
}

const skewedMs = () => Math.floor(begunMs + (wallMs() - begunMs) * rate) + offsetMs();

performance.now = () => realNow() * rate;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [skewedMs()] : given));
  }
  static now() {
    return skewedMs();
  }
};
for (const name of ['setTimeout', 'setInterval']) {
  const real = globalThis[name];
  globalThis[name] = (run, delayMs, ...given) => real(run, delayMs === undefined ? delayMs : delayMs / rate, ...given);
}
