// The flame graph: the frames of one zoomed part of a tree as elements, the outermost on top.
import { select } from 'd3-selection';
import { formatShare, formats } from './numbers.js';

const ROW = 24; // px, as in style.css
const NARROWEST = 2; // px that a frame must have to be drawn
const LETTER = 7.6; // px, about: of the frames' font

/** A number from 0 to 39 for a file, module or function, the same in every export: so each has a colour of its own. */
function shade(text) {
  let hash = 0;
  for (let i = 0; i < text.length; ++i) {
    hash = (hash * 31 + text.charCodeAt(i)) | 0;
  }
  return Math.abs(hash) % 40;
}

export class FlameGraph {
  constructor(element, { isDiff, rootName, onZoom, onPoint }) {
    this.element = element;
    this.isDiff = isDiff;
    this.rootName = rootName;
    this.onZoom = onZoom;
    this.onPoint = onPoint;
    this.matches = () => true;
    this.isFiltering = false;
    element.addEventListener('keydown', (event) => this.onKey(event));
    element.addEventListener('click', (event) => this.withNode(event, (node) => this.zoomTo(node)));
    element.addEventListener('pointermove', (event) => {
      const frame = event.target.closest('.frame');
      this.onPoint(frame ? { node: frame.__data__, frame, x: event.clientX } : null);
    });
    element.addEventListener('pointerleave', () => this.onPoint(null));
    element.addEventListener('focusin', (event) => {
      if (event.target.matches('.frame:focus-visible')) {
        this.onPoint({ node: event.target.__data__, frame: event.target });
      }
    });
    element.addEventListener('focusout', () => this.onPoint(null));
  }

  /** Shows a laid-out tree, zoomed out. */
  show(root, { measure, byLine }) {
    this.root = root;
    this.measure = measure;
    this.byLine = byLine;
    this.zoomed = root;
    this.focused = root;
    this.element.replaceChildren(); // other nodes: nothing moves from there to here
    this.draw();
    this.onZoom(root);
  }

  /** Marks frames by a function of a frame's data; all of them where it is null. Returns what is behind the marked. */
  mark(matches) {
    this.isFiltering = matches !== null;
    this.matches = matches ?? (() => true);
    this.draw();
    let found = 0;
    const visit = (node) => {
      if (node.data.frame !== null && this.matches(node.data.frame)) {
        found += node.value;
      } else {
        node.children?.forEach(visit);
      }
    };
    visit(this.root);
    return { found, all: this.root.value };
  }

  zoomTo(node) {
    this.zoomed = node;
    this.focused = node;
    this.draw();
    this.element.parentElement.scrollTop = Math.max(0, (node.depth - 2) * ROW);
    this.onZoom(node);
  }

  label(node) {
    return node.data.frame === null ? this.rootName : node.data.frame.label;
  }

  where(node) {
    return this.byLine && node.data.frame !== null ? node.data.frame.where : '';
  }

  /** `+977 KiB` or `977 KiB`. */
  amount(node) {
    const format = formats[this.measure];
    return this.isDiff ? format.diff(node.now - node.before) : format.plain(node.now);
  }

  describe(node) {
    const where = this.where(node);
    const share = formatShare(node.value, this.root.value);
    return `${this.label(node)}${where ? `, ${where}` : ''}, ${this.amount(node)}, ${share}`;
  }

  // The nodes that have room, each with its place: those above the zoomed one over the whole width.
  places() {
    const { x0, x1 } = this.zoomed;
    const smallest = ((x1 - x0) * NARROWEST) / Math.max(this.element.clientWidth, 1);
    const places = this.zoomed
      .ancestors()
      .slice(1)
      .reverse()
      .map((node) => ({ node, left: 0, width: 1, above: true }));
    const visit = (node) => {
      places.push({ node, left: (node.x0 - x0) / (x1 - x0), width: (node.x1 - node.x0) / (x1 - x0), above: false });
      for (const child of node.children ?? []) {
        if (child.x1 - child.x0 >= smallest) {
          visit(child);
        }
      }
    };
    visit(this.zoomed);
    return places;
  }

  draw() {
    const places = this.places();
    const total = this.element.clientWidth;
    this.element.style.height = `${(Math.max(...places.map(({ node }) => node.depth)) + 1) * ROW}px`;
    const where = new Map(places.map((place) => [place.node, place]));
    if (!where.has(this.focused)) {
      this.focused = this.zoomed;
    }
    select(this.element)
      .selectAll('.frame')
      .data(
        places.map(({ node }) => node),
        (node) => node.data.id,
      )
      .join((enter) => enter.append((node) => this.makeFrame(node)))
      .order()
      .each((node, index, elements) => {
        const { left, width, above } = where.get(node);
        const element = elements[index];
        element.style.left = `${left * 100}%`;
        element.style.width = `${width * 100}%`;
        element.classList.toggle('above', above);
        this.fit(element, node, width * total);
        element.classList.toggle('faint', this.isFiltering && !(node.data.frame && this.matches(node.data.frame)));
        element.classList.toggle('zoomed', node === this.zoomed && node !== this.root);
        element.tabIndex = node === this.focused ? 0 : -1;
      });
  }

  makeFrame(node) {
    const { frame } = node.data;
    const element = document.createElement('div');
    element.className = 'frame';
    element.setAttribute('role', 'treeitem');
    element.setAttribute('aria-level', node.depth + 1);
    element.setAttribute('aria-label', this.describe(node));
    if (node.children) {
      element.setAttribute('aria-expanded', 'true');
    }
    element.style.top = `${node.depth * ROW}px`;
    element.classList.add(frame === null ? 'root' : frame.noCode ? 'no-code' : frame.hidden ? 'library' : 'own');
    if (this.isDiff) {
      const shrunk = node.value === 0 ? 0 : node.shrunk / node.value;
      element.classList.add('diff');
      element.style.setProperty('--shrunk-part', `${shrunk * 100}%`);
    } else if (frame !== null) {
      element.style.setProperty('--shade', shade(frame.hidden ? frame.module : frame.file));
      element.style.setProperty('--tone', `${(shade(frame.name) - 20) / 4}%`);
    }
    const span = (className, text) => {
      const part = document.createElement('span');
      part.className = className;
      part.textContent = text;
      element.append(part);
    };
    span('name', this.label(node));
    span('where', this.where(node));
    span('amount', this.amount(node));
    return element;
  }

  // What there is no room for is left out as a whole: half a number is a wrong one.
  fit(element, node, width) {
    const letters = (width - 20) / LETTER;
    const name = this.label(node).length;
    const withAmount = name + this.amount(node).length + 2;
    element.classList.toggle('bare', width < 36);
    element.classList.toggle('no-amount', letters < withAmount);
    element.classList.toggle('no-where', letters < withAmount + this.where(node).length + 2);
  }

  withNode(event, action) {
    const frame = event.target.closest('.frame');
    if (frame) {
      action(frame.__data__);
    }
  }

  focus(node) {
    const element = [...this.element.children].find((child) => child.__data__ === node);
    if (element) {
      this.focused = node;
      for (const child of this.element.children) {
        child.tabIndex = child === element ? 0 : -1;
      }
      element.focus({ focusVisible: true });
      element.scrollIntoView({ block: 'nearest' });
    }
  }

  onKey(event) {
    const frame = event.target.closest('.frame');
    if (!frame) {
      return;
    }
    const node = frame.__data__;
    const siblings = node.parent?.children ?? [node];
    const at = siblings.indexOf(node);
    const goals = {
      ArrowDown: node.children?.[0],
      ArrowUp: node.parent,
      ArrowLeft: siblings[at - 1],
      ArrowRight: siblings[at + 1],
      Home: this.root,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      this.zoomTo(node);
      this.focus(node);
    } else if (event.key in goals) {
      if (goals[event.key]) {
        this.focus(goals[event.key]);
      }
    } else {
      return;
    }
    event.preventDefault();
  }
}
