import { render } from 'preact';
import { connect } from '../../webviewKit/editorHost.ts';
import { hostMessageSchema, type HostMessage, type ViewMessage } from '../protocol.ts';
import { BudgetView } from './budget.tsx';
import './budget.css';

const root = document.getElementById('root') ?? document.body;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, draw);
draw({ type: 'reading', share: 0 });
post({ type: 'ready' });

function draw(message: HostMessage): void {
  render(<BudgetView message={message} post={post} />, root);
}
