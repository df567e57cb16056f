import { render } from 'preact';
import { connect } from '../../webviewKit/editorHost.ts';
import { hostMessageSchema, type ViewMessage } from '../protocol.ts';
import { ComparisonView } from './comparison.tsx';
import { reduce, type ComparisonState } from './state.ts';
import '../../webviewKit/base.css';
import '../../webviewKit/page.css';
import '../../webviewKit/answer.css';
import './comparison.css';

const root = document.getElementById('root') ?? document.body;
let state: ComparisonState | null = null;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  state = reduce(state, message);
  if (state) render(<ComparisonView state={state} post={post} />, root);
});
post({ type: 'ready' });
