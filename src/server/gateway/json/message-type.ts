/**
 * How a protobuf message looks as JSON: names, numbers and types of its fields, as in etcd's .proto files. The gateway
 * goes from JSON to protobuf's bytes and back by these alone, so that it knows nothing of the types behind a method,
 * and a method of any service is one row of `routes.ts`.
 */
export interface MessageType {
  readonly name: string;
  readonly byNumber: ReadonlyMap<number, Field>;
  /** By the name in the .proto file, and by the same in lowerCamel. */
  readonly byName: ReadonlyMap<string, Field>;
}

export interface EnumType {
  /** The name of value n at place n. */
  readonly names: readonly string[];
}

export type Scalar = 'bytes' | 'string' | 'bool' | 'int64' | 'uint64' | 'uint32';
export type FieldType = Scalar | EnumType | MessageType;
type Cardinality = 'single' | 'repeated' | 'oneof';

export interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: FieldType;
  readonly cardinality: Cardinality;
}

type FieldShape = Omit<Field, 'name'>;

export function field(number: number, type: FieldType): FieldShape {
  return { number, type, cardinality: 'single' };
}

export function list(number: number, type: FieldType): FieldShape {
  return { number, type, cardinality: 'repeated' };
}

/** A member of a oneof: it is told even when it is zero. */
export function choice(number: number, type: FieldType): FieldShape {
  return { number, type, cardinality: 'oneof' };
}

/** `fields` is called when the message is first used: messages may hold each other. */
export function message(name: string, fields: () => Readonly<Record<string, FieldShape>>): MessageType {
  return new LazyMessage(name, fields);
}

export function enumOf(...names: string[]): EnumType {
  return { names };
}

export function isEnum(type: FieldType): type is EnumType {
  return typeof type === 'object' && 'names' in type;
}

class LazyMessage implements MessageType {
  readonly name: string;
  readonly #fields: () => Readonly<Record<string, FieldShape>>;
  #byNumber: ReadonlyMap<number, Field> | undefined;
  #byName: ReadonlyMap<string, Field> | undefined;

  constructor(name: string, fields: () => Readonly<Record<string, FieldShape>>) {
    this.name = name;
    this.#fields = fields;
  }

  get byNumber(): ReadonlyMap<number, Field> {
    this.#byNumber ??= new Map(this.#list().map((each) => [each.number, each]));
    return this.#byNumber;
  }

  get byName(): ReadonlyMap<string, Field> {
    this.#byName ??= new Map(
      this.#list().flatMap((each): [string, Field][] => [
        [each.name, each],
        [lowerCamel(each.name), each],
      ]),
    );
    return this.#byName;
  }

  #list(): Field[] {
    return Object.entries(this.#fields()).map(([name, shape]) => ({ name, ...shape }));
  }
}

/** As protobuf's own JSON names: `range_end` is `rangeEnd`; `ID` stays. */
function lowerCamel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
