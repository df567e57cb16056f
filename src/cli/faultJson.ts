import type { Fault } from '../yamlDocument.ts';

/** A fault of a file in the JSON form that `settings validate` and `flow validate` share. */
export function faultJson({ severity, message, place }: Fault): object {
  return {
    severity,
    file: place?.file ?? null,
    line: place?.line ?? null,
    column: place?.column ?? null,
    message,
  };
}
