/** File descriptors of this process: how many there are and may be. 0 where the system does not say. */
import { readdirSync, readFileSync } from 'node:fs';

export function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

export function descriptorLimit(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
