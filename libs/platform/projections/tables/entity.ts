import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { Table } from '../definition/table.js';

const bigints = { from: (text: string) => BigInt(text), to: String };

/** A table as TypeORM knows it: rows of its repository are those that folds see. */
export const entityOf = <Row extends object>({ name, columns }: Table<Row>): EntitySchema<Row> => {
  const declared = Object.entries(columns).map(([property, { parts }]) => {
    const { type, isKey, isNullable, about: comment } = parts;
    const column: EntitySchemaColumnOptions = {
      // Digits are the table's matter.
      type: type.sql.replace(/\(.*/, '') as 'text',
      primary: isKey,
      nullable: isNullable,
      comment,
      ...(type.sql === 'bigint' && { transformer: bigints }),
    };
    return [property, column] as const;
  });
  return new EntitySchema<Row>({ name, tableName: name, columns: Object.fromEntries(declared) as any });
};
