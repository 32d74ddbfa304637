// Numbers as memsnap's tables write them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `82.8 KiB`, `2392 KiB`, `99 B`. */
export function formatSize(bytes) {
  let size = Math.abs(bytes);
  const sign = bytes < 0 ? '-' : '';
  for (const unit of UNITS) {
    if (size < 100 && unit !== 'B') {
      return `${sign}${size.toFixed(1)} ${unit}`;
    }
    if (size < 10 * 1024 || unit === 'TiB') {
      return `${sign}${size.toFixed(0)} ${unit}`;
    }
    size /= 1024;
  }
  return '';
}

const withSign = (text, value) => (value < 0 ? `−${text}` : `+${text}`);

/** `+977 KiB`, `−3072 B`. */
export const formatSizeDiff = (bytes) => withSign(formatSize(Math.abs(bytes)), bytes);

const counts = new Intl.NumberFormat('en');

/** `20,102`. */
export const formatCount = (count) => counts.format(count);
export const formatCountDiff = (count) => withSign(formatCount(Math.abs(count)), count);

/** A part of a whole: `43.2 %`. */
export function formatShare(part, whole) {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  return `${percent !== 0 && percent < 0.1 ? '< 0.1' : percent.toFixed(1)} %`;
}

/** How a measure (`size` or `count`) is written, and how a difference of it is. */
export const formats = {
  size: { plain: formatSize, diff: formatSizeDiff },
  count: {
    plain: (count) => `${formatCount(count)} ${count === 1 ? 'block' : 'blocks'}`,
    diff: (count) => `${formatCountDiff(count)} ${Math.abs(count) === 1 ? 'block' : 'blocks'}`,
  },
};
