// Puts the page together: totals, filter, flame graph, table.
import { readData } from './data.js';
import { FlameGraph } from './flame.js';
import { formatCount, formatCountDiff, formatShare, formatSize, formatSizeDiff, formats } from './numbers.js';
import { RankedTable } from './table.js';
import { hasOwnCode, layOut } from './tree.js';

const KEY_TITLES = {
  lineno: 'line',
  filename: 'file',
  function: 'function',
  module: 'module',
  domain: 'domain',
  thread: 'thread',
};

const byId = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

const data = readData(byId('data').textContent);
const { isDiff, older, newer } = data;
// One without a name is called by its number.
const nameOf = ({ name }) => (/^\d+$/.test(name) ? `snapshot ${name}` : name);
const title = isDiff ? `${nameOf(older)} → ${nameOf(newer)}` : nameOf(newer);
const totals = {
  size: newer.size,
  count: newer.count,
  sizeDiff: isDiff ? newer.size - older.size : 0,
  countDiff: isDiff ? newer.count - older.count : 0,
  average: newer.count === 0 ? 0 : newer.size / newer.count,
};

function showHead() {
  document.title = `${title} · memsnap`;
  byId('title').textContent = title;
  const facts = [`engine ${newer.engine}`, `${newer.frames} frames`];
  if (newer.since_start_only || older?.since_start_only) {
    facts.push('since memsnap start: older blocks are not known');
  }
  byId('facts').textContent = newer.engine ? facts.join(' · ') : '';
  const tile = (name, value, change, changeText) => {
    const group = element('div', 'tile', '');
    group.append(element('dt', '', name), element('dd', '', value));
    if (isDiff && change !== undefined) {
      group.lastChild.append(element('span', `change ${change > 0 ? 'grown' : change < 0 ? 'shrunk' : 'same'}`, changeText));
    }
    byId('totals').append(group);
  };
  tile('Live bytes', formatSize(newer.size), totals.sizeDiff, formatSizeDiff(totals.sizeDiff));
  tile('Live blocks', formatCount(newer.count), totals.countDiff, formatCountDiff(totals.countDiff));
  if (!isDiff) {
    tile('Average', newer.count ? formatSize(totals.average) : '–');
    tile('Peak', formatSize(newer.peak));
  }
  tile('Tracebacks', formatCount(newer.tracebacks));
}

function showLegend() {
  const entries = isDiff
    ? [['grown', '+ grown'], ['shrunk', '− shrunk']]
    : [['own', 'your code'], ['library', 'libraries']];
  for (const [name, text] of entries) {
    const entry = element('li', '', text);
    entry.prepend(element('span', `swatch ${name}`, ''));
    byId('legend').append(entry);
  }
}

function showTip(graph, at) {
  const tip = byId('tip');
  tip.hidden = at === null;
  if (at === null) {
    return;
  }
  const { node, frame } = at;
  const { plain, diff } = formats[graph.measure];
  const line = (className, text) => tip.append(element('p', className, text));
  tip.replaceChildren();
  line('tip-name', graph.label(node));
  const code = node.data.frame;
  if (code?.line) {
    line('tip-where', chosen('frames') === 'line' ? `${code.file}:${code.line}` : code.file);
  }
  if (code?.module) {
    line('tip-where', code.module);
  }
  if (isDiff) {
    line('tip-numbers', `${diff(node.now - node.before)}: ${plain(node.before)} → ${plain(node.now)}`);
    if (node.grown && node.shrunk) {
      line('tip-numbers', `${diff(node.grown)} and ${diff(-node.shrunk)}`);
    }
    line('tip-numbers', `${formatShare(node.value, graph.root.value)} of all change`);
  } else {
    line('tip-numbers', `${plain(node.now)}, ${formatShare(node.value, graph.root.value)}`);
  }
  const box = frame.getBoundingClientRect();
  const left = Math.min(at.x ?? box.left, window.innerWidth - tip.offsetWidth - 8);
  const below = box.bottom + 6;
  const fits = below + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${fits ? below : Math.max(8, box.top - tip.offsetHeight - 6)}px`;
}

function start() {
  showHead();
  showLegend();
  const filter = byId('filter');
  const graph = new FlameGraph(byId('graph'), {
    isDiff,
    rootName: isDiff ? 'all that changed' : 'all that is live',
    onZoom: (node) => {
      byId('reset').disabled = node === graph.root;
    },
    onPoint: (at) => showTip(graph, at),
  });
  const table = new RankedTable(byId('table'), {
    isDiff,
    onPick: (row) => {
      filter.value = row.name;
      applyFilter();
    },
  });

  const drawGraph = () => {
    const options = {
      measure: chosen('measure'),
      byLine: chosen('frames') === 'line',
      fromSite: chosen('from') === 'site',
      library: byId('library').checked,
    };
    const root = layOut(data, options);
    graph.show(root, options);
    byId('graph-box').classList.toggle('empty', root.value === 0);
    document.body.dataset.measure = options.measure;
  };
  const showShown = () => {
    const { all, matching, shown } = table.numbers();
    const rows = (count) => `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`;
    byId('shown').textContent = matching === all ? rows(all) : `${formatCount(matching)} of ${rows(all)}`;
    byId('more').hidden = shown === matching;
    byId('more').textContent = `Show more (${formatCount(matching - shown)} left)`;
  };
  const applyFilter = () => {
    const words = filter.value.trim().toLowerCase();
    const matches = words === '' ? null : ({ text }) => text.includes(words);
    table.filter(matches);
    showShown();
    const { found, all } = graph.mark(matches);
    byId('found').textContent =
      words === '' ? '' : `${formatShare(found, all)} of the graph: ${formats[graph.measure].plain(found)}`;
  };
  const showTable = () => {
    table.show(data.tables.get(byId('key').value), totals);
    showShown();
  };
  const zoomOut = () => graph.zoomTo(graph.root);

  for (const key of data.tables.keys()) {
    byId('key').append(new Option(KEY_TITLES[key], key));
  }
  byId('library').checked = !hasOwnCode(data);
  showTable();
  drawGraph();

  filter.addEventListener('input', applyFilter);
  byId('key').addEventListener('change', () => {
    showTable();
    applyFilter();
  });
  for (const input of document.querySelectorAll('input[type=radio], #library')) {
    input.addEventListener('change', () => {
      drawGraph();
      applyFilter();
    });
  }
  byId('reset').addEventListener('click', zoomOut);
  byId('more').addEventListener('click', () => {
    table.showMore();
    showShown();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && event.target !== filter) {
      zoomOut();
    } else if (event.key === '/' && event.target !== filter && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      filter.focus();
    }
  });
  let width = byId('graph').clientWidth;
  new ResizeObserver(() => {
    if (byId('graph').clientWidth !== width) {
      width = byId('graph').clientWidth;
      graph.draw();
    }
  }).observe(byId('graph'));
}

start();
