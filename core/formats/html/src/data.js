// What the export put into the page, as the rest of the script reads it. core/formats/html.cpp writes it.

const HIDDEN = 1;
const ALLOCATOR = 2;
const NO_CODE = 4;

const baseName = (path) => path.slice(path.lastIndexOf('/') + 1);

function readFrames({ frames, strings }) {
  return frames.map(([name, file, line, path, flags], number) => {
    const frame = {
      number,
      name: strings[name],
      file: strings[file],
      line,
      module: strings[path],
      hidden: (flags & HIDDEN) !== 0,
      allocator: (flags & ALLOCATOR) !== 0,
      noCode: (flags & NO_CODE) !== 0,
    };
    const module = baseName(frame.module);
    frame.where = line === 0 ? module : `${baseName(frame.file)}:${line}`;
    // Where it is stands beside it.
    frame.label = frame.name.startsWith(`${module}!`) ? frame.name.slice(module.length + 1) : frame.name;
    // What a filter is looked up in.
    frame.text = `${frame.name}\n${line === 0 ? '' : `${frame.file}:${line}`}\n${frame.module}`.toLowerCase();
    return frame;
  });
}

// The tree as paths again: frames from the outermost to the innermost, and what is live there.
function readPaths({ tree }, isDiff) {
  const paths = [];
  const stack = [];
  const width = isDiff ? 6 : 4;
  for (let at = 0; at < tree.length; at += width) {
    stack.length = tree[at];
    stack.push(tree[at + 1]);
    const own = {
      size: tree[at + 2],
      count: tree[at + 3],
      oldSize: isDiff ? tree[at + 4] : 0,
      oldCount: isDiff ? tree[at + 5] : 0,
    };
    if (own.count !== 0 || own.oldCount !== 0 || own.size !== 0 || own.oldSize !== 0) {
      paths.push({ frames: stack.slice(), own });
    }
  }
  return paths;
}

// What is at a line, for the table of lines: its function, or how many there are.
function functionsByLine(frames) {
  const functions = new Map();
  for (const { file, line, label } of frames) {
    if (line !== 0) {
      const place = `${file}:${line}`;
      functions.set(place, (functions.get(place) ?? new Set()).add(label));
    }
  }
  return functions;
}

function readTables({ tables }, frames) {
  const functions = functionsByLine(frames);
  const detail = (file, line) => {
    const names = [...(functions.get(`${file}:${line}`) ?? [])];
    return names.length > 1 ? `${names[0]} and ${names.length - 1} more` : (names[0] ?? '');
  };
  const rows = ([name, size, count, sizeDiff, countDiff, file, line, fn, module], rank) => ({
    rank: rank + 1,
    name,
    size,
    count,
    sizeDiff,
    countDiff,
    average: count === 0 ? 0 : size / count,
    detail: line ? detail(file, line) : '',
    text: [name, line ? detail(file, line) : '', file && line ? `${file}:${line}` : file, fn, module].filter(Boolean).join('\n').toLowerCase(),
    path: module && !file ? module : file,
  });
  return new Map(Object.entries(tables).map(([key, all]) => [key, all.map(rows)]));
}

export function readData(text) {
  const data = JSON.parse(text);
  const isDiff = data.old !== null;
  const frames = readFrames(data);
  return {
    isDiff,
    older: data.old,
    newer: data.new,
    frames,
    paths: readPaths(data, isDiff),
    tables: readTables(data, frames),
  };
}
