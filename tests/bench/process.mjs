// SPDX-License-Identifier: Apache-2.0
// What processes cost: processor time and memory of their own, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

// Seconds on a processor of one thread: nanoseconds where the kernel counts them.
export function threadSeconds(pid, tid) {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    // the name may hold blanks and brackets; the numbers come behind its last one
    const fields = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}

export function processorSeconds(pids) {
  let sum = 0;
  for (const pid of pids) for (const tid of readdirSync(`/proc/${pid}/task`)) sum += threadSeconds(pid, tid);
  return sum;
}

// MiB that only this process has, pages locked for secrets among them.
export function privateMiB(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kB = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);
  return (kB('Private_Clean') + kB('Private_Dirty')) / 1024;
}
