// From paths to the rectangles of a flame graph.
import { hierarchy, partition } from 'd3-hierarchy';

/** The index of the frame that a path's memory is charged to, as memsnap's tables do: see README, "Commands". */
function callSite(frames) {
  let outsideAllocator = -1;
  for (let i = frames.length - 1; i >= 0; --i) {
    if (!frames[i].hidden) {
      return i;
    }
    if (outsideAllocator < 0 && !frames[i].allocator) {
      outsideAllocator = i;
    }
  }
  return outsideAllocator >= 0 ? outsideAllocator : frames.length - 1;
}

// What is shown of a path: without library frames, its call site and what is not hidden.
function visible(frames, library) {
  if (library) {
    return frames;
  }
  const site = callSite(frames);
  return frames.filter((frame, i) => !frame.hidden || i === site);
}

/** Whether most of the memory has a frame of the user's own. Else a graph without library frames says nothing. */
export function hasOwnCode({ paths, frames }) {
  let own = 0;
  let all = 0;
  for (const path of paths) {
    const size = path.own.size + path.own.oldSize + path.own.count + path.own.oldCount;
    all += size;
    own += path.frames.some((number) => !frames[number].hidden && !frames[number].noCode) ? size : 0;
  }
  return own * 2 >= all;
}

// One number for each frame that is to be told apart from others.
function identities(frames, byLine) {
  if (byLine) {
    return frames.map((frame) => frame.number);
  }
  const known = new Map();
  return frames.map(({ name, module }) => {
    const key = `${module}\n${name}`;
    return known.get(key) ?? known.set(key, known.size).get(key);
  });
}

function makeNode(frame, id) {
  return { frame, id, children: [], byIdentity: new Map(), size: 0, count: 0, oldSize: 0, oldCount: 0 };
}

function merge({ paths, frames }, { byLine, fromSite, library }) {
  const identity = identities(frames, byLine);
  let nodes = 0;
  const root = makeNode(null, nodes++);
  for (const { frames: numbers, own } of paths) {
    const path = visible(
      numbers.map((number) => frames[number]),
      library,
    );
    let node = root;
    for (let i = 0; i < path.length; ++i) {
      const frame = path[fromSite ? path.length - 1 - i : i];
      const key = identity[frame.number];
      let child = node.byIdentity.get(key);
      if (child === undefined) {
        child = makeNode(frame, nodes++);
        node.byIdentity.set(key, child);
        node.children.push(child);
      }
      node = child;
    }
    for (const field of ['size', 'count', 'oldSize', 'oldCount']) {
      node[field] += own[field];
    }
  }
  return root;
}

// What grew and what shrank in a node itself, under a measure.
function change(data, measure) {
  const now = data[measure];
  const before = measure === 'size' ? data.oldSize : data.oldCount;
  return { now, before, grown: Math.max(0, now - before), shrunk: Math.max(0, before - now) };
}

/**
 * The laid-out tree: d3-hierarchy's nodes with x0 and x1 from 0 to 1, the largest child first, and of each node with
 * all below it: `now`, `before`, `grown` and `shrunk`. In a difference a node is as wide as what changed below it.
 */
export function layOut(data, options) {
  const { measure } = options;
  const root = hierarchy(merge(data, options));
  root.eachAfter((node) => {
    Object.assign(node, change(node.data, measure));
    for (const child of node.children ?? []) {
      node.now += child.now;
      node.before += child.before;
      node.grown += child.grown;
      node.shrunk += child.shrunk;
    }
    node.value = data.isDiff ? node.grown + node.shrunk : node.now;
  });
  // In a difference what grew is at the left and what shrank at the right, as within each frame.
  const weight = (node) => (data.isDiff ? node.now - node.before : node.value);
  root.sort((a, b) => weight(b) - weight(a) || a.data.id - b.data.id);
  return partition()(root);
}
