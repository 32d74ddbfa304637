// The ranked table: sorted by a click on a column's head, filtered, and shown in portions.
import { select } from 'd3-selection';
import { formatCount, formatCountDiff, formatSize, formatSizeDiff } from './numbers.js';

const PORTION = 50;

const plainColumns = [
  { key: 'rank', title: '#', number: true, up: true, text: (row) => `${row.rank}` },
  { key: 'name', title: 'Name', up: true, text: (row) => row.name },
  { key: 'size', title: 'Size', number: true, measure: 'size', text: (row) => formatSize(row.size), bar: true },
  { key: 'count', title: 'Blocks', number: true, measure: 'count', text: (row) => formatCount(row.count), bar: true },
  { key: 'average', title: 'Average', number: true, minor: true, text: (row) => (row.count ? formatSize(row.average) : '') },
];
const diffColumns = [
  ...plainColumns.slice(0, 2),
  { key: 'sizeDiff', title: 'Size change', number: true, sign: true, measure: 'size', text: (row) => formatSizeDiff(row.sizeDiff), bar: true },
  { key: 'size', title: 'Size', number: true, minor: true, text: (row) => formatSize(row.size) },
  { key: 'countDiff', title: 'Blocks change', number: true, sign: true, measure: 'count', text: (row) => formatCountDiff(row.countDiff), bar: true },
  { key: 'count', title: 'Blocks', number: true, minor: true, text: (row) => formatCount(row.count) },
];

const collator = new Intl.Collator('en', { numeric: true });

export class RankedTable {
  constructor(table, { isDiff, onPick }) {
    this.table = table;
    this.isDiff = isDiff;
    this.onPick = onPick;
    this.columns = isDiff ? diffColumns : plainColumns;
    this.sorted = { key: 'rank', up: true };
    this.rows = [];
    this.matches = () => true;
    this.limit = PORTION;
    this.makeHead();
  }

  makeHead() {
    const row = this.table.tHead.insertRow();
    for (const column of this.columns) {
      const cell = document.createElement('th');
      cell.scope = 'col';
      this.setClass(cell, column);
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = column.title;
      button.addEventListener('click', () => this.sortBy(column));
      cell.append(button);
      row.append(cell);
    }
    this.showOrder();
  }

  /** Shows other rows, in the order of their ranks. Units: `totals` has the fields of a row. */
  show(rows, totals) {
    this.rows = rows;
    this.totals = totals;
    this.sorted = { key: 'rank', up: true };
    this.limit = PORTION;
    this.table.tBodies[0].replaceChildren(); // ranks name rows of another table now
    this.showOrder();
    this.draw();
  }

  filter(matches) {
    this.matches = matches ?? (() => true);
    this.limit = PORTION;
    this.draw();
  }

  showMore() {
    this.limit += 5 * PORTION;
    this.draw();
  }

  /** How many rows there are, pass the filter, and are on the page. */
  numbers() {
    return { all: this.rows.length, matching: this.matching.length, shown: Math.min(this.limit, this.matching.length) };
  }

  sortBy({ key, up = false }) {
    this.sorted = { key, up: this.sorted.key === key ? !this.sorted.up : up };
    this.showOrder();
    this.draw();
  }

  showOrder() {
    [...this.table.tHead.rows[0].cells].forEach((cell, i) => {
      if (this.columns[i].key === this.sorted.key) {
        cell.setAttribute('aria-sort', this.sorted.up ? 'ascending' : 'descending');
      } else {
        cell.removeAttribute('aria-sort');
      }
    });
  }

  draw() {
    const { key, up } = this.sorted;
    const order = key === 'name' ? (a, b) => collator.compare(a.name, b.name) : (a, b) => a[key] - b[key];
    this.matching = this.rows.filter(this.matches);
    this.matching.sort((a, b) => (up ? order(a, b) : order(b, a)) || a.rank - b.rank);
    // Bars are parts of the largest there is, not of the largest shown.
    this.largest = {};
    for (const measure of ['size', 'count']) {
      const field = this.isDiff ? `${measure}Diff` : measure;
      this.largest[measure] = this.rows.reduce((most, row) => Math.max(most, Math.abs(row[field])), 1);
    }
    select(this.table.tBodies[0])
      .selectAll('tr')
      .data(this.matching.slice(0, this.limit), (row) => row.rank)
      .join((enter) => enter.append((row) => this.makeRow(row)))
      .order();
    this.drawTotal();
  }

  makeRow(row) {
    const line = document.createElement('tr');
    for (const column of this.columns) {
      const cell = line.insertCell();
      this.fill(cell, column, row);
    }
    return line;
  }

  setClass(cell, { number = false, minor = false, measure = '' }) {
    cell.classList.toggle('number', number);
    cell.classList.toggle('minor', minor);
    cell.classList.toggle(`of-${measure}`, measure !== '');
  }

  fill(cell, column, row) {
    const text = column.text(row);
    this.setClass(cell, column);
    if (column.sign) {
      cell.classList.add(row[column.key] > 0 ? 'grown' : row[column.key] < 0 ? 'shrunk' : 'same');
    }
    if (column.key === 'name' && this.onPick) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'pick';
      button.textContent = text;
      button.title = row.path ? `${row.path}\nFilter by it` : 'Filter by it';
      button.addEventListener('click', () => this.onPick(row));
      cell.append(button);
      if (row.detail) {
        cell.append(Object.assign(document.createElement('span'), { className: 'detail', textContent: row.detail }));
      }
    } else {
      cell.textContent = text;
    }
    if (column.bar) {
      const part = Math.abs(row[column.key]) / this.largest[column.measure];
      cell.classList.add('bar-cell');
      cell.style.setProperty('--part', Math.min(part, 1));
    }
  }

  drawTotal() {
    this.table.tFoot.replaceChildren();
    if (this.matching.length !== this.rows.length) {
      const sum = (field) => this.matching.reduce((all, row) => all + row[field], 0);
      const [size, count] = [sum('size'), sum('count')];
      this.drawSum('Matching', {
        size,
        count,
        sizeDiff: sum('sizeDiff'),
        countDiff: sum('countDiff'),
        average: count === 0 ? 0 : size / count,
      });
    }
    this.drawSum('Total', this.totals);
  }

  drawSum(name, sums) {
    const line = this.table.tFoot.insertRow();
    for (const column of this.columns) {
      const cell = document.createElement(column.key === 'name' ? 'th' : 'td');
      line.append(cell);
      this.setClass(cell, column);
      cell.textContent = column.key === 'rank' ? '' : column.key === 'name' ? name : column.text(sums);
    }
  }
}
