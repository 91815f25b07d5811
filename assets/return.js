// Back to the portal at once (OAuth 2.0 Form Post Response Mode 2). No module: browsers that run none shall go on, too.
document.querySelector('form[data-auto-submit]')?.submit();
