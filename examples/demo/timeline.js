// Lines with the time since the start, wrapped to the terminal's width; colours only where they can be seen and are
// wanted.
import { styleText } from 'node:util';

const margin = 10;

export class Timeline {
  #stream;
  #start = performance.now();

  constructor(stream) {
    this.#stream = stream;
  }

  /** What happened now. `style`: one of `util.styleText`'s. */
  at(text, style) {
    const time = `${((performance.now() - this.#start) / 1000).toFixed(1)} s`;
    this.#print(time.padStart(margin - 2), text, style);
  }

  /** A line of its own, without a time. */
  say(text, style) {
    this.#print('', text, style);
  }

  #print(head, text, style) {
    const [first, ...more] = wrap(text, Math.max((this.#stream.columns ?? 80) - margin, 20));
    const lines = [head.padEnd(margin) + this.#styled(first, style)];
    for (const line of more) lines.push(' '.repeat(margin) + this.#styled(line, style));
    this.#stream.write(`${lines.join('\n')}\n`);
  }

  /** `hasColors` knows NO_COLOR and the kind of terminal. */
  #styled(text, style) {
    const coloured = style !== undefined && this.#stream.isTTY === true && this.#stream.hasColors();
    return coloured ? styleText(style, text) : text;
  }
}

/** Breaks between words; a word that is too long stays whole. */
export function wrap(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
