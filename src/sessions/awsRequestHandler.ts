import { NodeHttpHandler } from '@smithy/node-http-handler';
import { withinSomeLimits } from './answerLimits.ts';
import { connectionTimeoutMs, type Network } from './network.ts';

/** The AWS SDK's request handlers: none of them limits an answer itself. */
class LimitedHandler extends NodeHttpHandler {
  override handle(...given: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    return withinSomeLimits(() => super.handle(...given));
  }
}

/** For the clients of the AWS SDK that call one endpoint. Throws `settings_invalid`. */
export function awsRequestHandler(network: Network, endpoint: string): NodeHttpHandler {
  return new LimitedHandler({
    // HTTP/1.1: broken streams throw, and corporate proxies understand it.
    ...network.agentsFor(endpoint),
    connectionTimeout: connectionTimeoutMs,
  });
}
