export type FindingClass = 'secret' | 'personal_data';

/** A value found in a text; offsets are UTF-16 units of the value itself, not of its context. */
export interface Finding {
  /** Id of the rule that found it. */
  rule: string;
  class: FindingClass;
  /** A short word for people and placeholders: `EMAIL`, `CARD`, `IBAN`, `PHONE`, `IP`, `SSN`, `SECRET`. */
  kind: string;
  start: number;
  /** The first unit after it. */
  end: number;
}

/** A text that is searched. */
export interface SearchedText {
  text: string;
  /** The name beside it in JSON, which can say what the value is: `password`. */
  name?: string | undefined;
}

/** A rule of the settings. */
export interface CustomPattern {
  id: string;
  /** A regular expression with the flag `u`. The first group that matched is the value, or else the whole match. */
  pattern: string;
  class: FindingClass;
  /** Texts in which it must find something. */
  matches?: readonly string[] | undefined;
  /** Texts in which it must find nothing. */
  passes?: readonly string[] | undefined;
}
