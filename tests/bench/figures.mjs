// SPDX-License-Identifier: Apache-2.0
// Medians, percentiles, and how they are shown.

export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const fixed = (digits) => (value) => value.toFixed(digits);

// columns: [title, member or function of a row, formatter]; the first is left-aligned.
export function table(rows, columns) {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, member, show]) => {
    const value = typeof member === 'function' ? member(row) : row[member];
    return value === undefined || Number.isNaN(value) ? '' : show ? show(value) : String(value);
  }))];
  const widths = columns.map((column, at) => Math.max(...cells.map((line) => line[at].length)));
  return cells.map((line) => line.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  ').trimEnd())
    .join('\n');
}
