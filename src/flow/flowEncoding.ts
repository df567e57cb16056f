/** `@domain#operation!action@target`, taken apart. */
export interface FlowEncoding {
  domain: string;
  operation: string;
  action: string;
  target: string;
}
