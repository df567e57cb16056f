import { render } from 'preact';
import { connect } from '../../webviewKit/editorHost.ts';
import { hostMessageSchema, type ViewMessage } from '../protocol.ts';
import { DashboardView } from './dashboard.tsx';
import '../../webviewKit/base.css';
import '../../webviewKit/page.css';
import './dashboard.css';

const root = document.getElementById('root') ?? document.body;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, ({ dashboard }) =>
  render(<DashboardView dashboard={dashboard} post={post} />, root),
);
post({ type: 'ready' });
