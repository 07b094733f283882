// Tells the page that waits for this sign-in, and closes the window. Who signed in the page finds out for itself.
(() => {
  'use strict';
  const NEWS = 'doorward:signed-in';
  if (window.BroadcastChannel) new BroadcastChannel('doorward').postMessage(NEWS);
  if (window.opener) window.opener.postMessage(NEWS, location.origin);
  // After what was just said has left. A tab that no script opened stays, and says what it has to say.
  setTimeout(() => window.close(), 50);
})();
