// Wraps comment lines of more than 120 columns, which Biome leaves alone. Usage: wrap-comments.js FILE|FOLDER…
// Words that do not fit move down into the next line of the same paragraph. Tables, lists and code are not joined.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

const columnsMax = 120;

/** Splits a line of a comment into what leads it and its text; undefined for lines of code. */
function commentLine(line) {
  const match = /^(\s*(?:\*|\/\/) ?)(?!\/)(.*)$/.exec(line);
  return match === null ? undefined : { lead: match[1], text: match[2] };
}

/** `/** text *\/` on one line becomes a block, whose lines can be wrapped. */
function openBlock(line) {
  const match = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
  return match === null ? [line] : [`${match[1]}/**`, `${match[1]} * ${match[2]}`, `${match[1]} */`];
}

/** Whether words may be put in front of the text: it goes on with the sentence above. */
function continues(next, lead) {
  return (
    next !== undefined && next.lead === lead && /^[\p{L}\p{N}`'"({]/u.test(next.text) && !/^\d+\. /.test(next.text)
  );
}

export function wrapComments(source) {
  const lines = source.split('\n').flatMap((line) => (line.length > columnsMax ? openBlock(line) : [line]));
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const comment = line.length > columnsMax ? commentLine(line) : undefined;
    if (comment === undefined) continue;
    const cut = line.lastIndexOf(' ', columnsMax);
    if (cut <= comment.lead.length) continue;
    const rest = line.slice(cut + 1);
    lines[i] = line.slice(0, cut).trimEnd();
    const next = lines[i + 1] === undefined ? undefined : commentLine(lines[i + 1]);
    if (continues(next, comment.lead)) lines[i + 1] = `${comment.lead}${rest} ${next.text}`;
    else lines.splice(i + 1, 0, comment.lead + rest);
  }
  return lines.join('\n');
}

function filesOf(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|js)$/.test(name))
    .map((name) => `${path}/${name}`);
}

for (const file of process.argv.slice(2).flatMap(filesOf)) {
  const before = readFileSync(file, 'utf8');
  const after = wrapComments(before);
  if (after !== before) writeFileSync(file, after);
}
