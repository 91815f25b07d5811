# The frame, shared words, errors at fields, notices of what was done.
service-name = Identity portal
skip-link = Skip to main content
strip-name = TEST ENVIRONMENT
strip-text = do not enter real data
text-larger = Larger text
text-normal = Normal text size
portal-box = You are signing in to use { $portal } ({ $host })
portal-policy = The service’s privacy policy
portal-terms = The service’s terms of use
portal-unknown = the service portal
back = Back
back-to-portal = Back to { $portal }
title-error = Error:
summary-title = There is a problem
foot-help = Help
foot-privacy = Privacy
foot-accessibility = Accessibility
foot-hotline = Help line: { $number } ({ $hours })
foot-address = The right address is { $host }
idle-title = Are you still there?
idle-text = You will soon be signed out to protect your account.
idle-stay = Stay signed in
idle-left = You will be signed out in { $n } min.
continue = Continue
save = Save
change = Change
rename = Rename
remove = Remove
keep = Keep it
show = Show
hide = Hide
later = Not now
stay = Stay signed in
print = Print this page
copied = Copied
what-you-can-do = What you can do
tag-new = New

error-identifier-missing = Enter your personal number or phone number
error-identifier-format = Enter all 12 digits of your personal number
error-number-format = Enter all 12 digits of your personal number
error-phone-format = Enter a mobile number, like 0912 345 678
error-code-format = The code has 6 digits
error-code-wrong = { $left ->
    [one] That code is not right. { $left } try left.
   *[other] That code is not right. { $left } tries left.
}
error-code-expired = That code has run out. Get a new one.
error-resend-too-soon = You can get a new code from { $time }
error-recovery-format = Enter the code as printed, like 7F3K-92MX
error-recovery-wrong = { $left ->
    [one] That code is not right or was used before. { $left } try left.
   *[other] That code is not right or was used before. { $left } tries left.
}
error-password-missing = Enter your password
error-password-wrong = { $left ->
    [one] The number or the password is not right. { $left } try left.
   *[other] The number or the password is not right. { $left } tries left.
}
error-password-short = Use at least { $least } characters
error-password-long = Use { $most } characters or fewer
error-password-common = That password is easy to guess. Put a few unrelated words together.
error-choice-missing = Choose one way
error-shared-missing = Choose whether other people use this device
error-name-missing = Enter your full name as on your ID card
error-birth-date-unreal = Date of birth must be a real date
error-birth-year-unreal = Enter the year of birth with 4 digits
error-birth-date-future = Date of birth must be before today
error-device-name-missing = Enter a name for the device
error-device-name-long = Use 40 characters or fewer
error-passkey-not-made = No passkey could be made on this device. Try again, or do it later.
error-passkey-already-here = This device already has a passkey for this account

notice-code-sent-again = A new code is on its way. Use the newest one.
notice-passkey-added = Passkey added. Not you? Remove it now.
notice-passkey-renamed = Passkey renamed.
notice-passkey-removed = Removed here. Delete this passkey from your device too.
notice-password-changed = New password saved.
notice-recovery-codes-renewed = New set of codes made. The old codes no longer work.
notice-session-ended = That device was signed out.
notice-other-sessions-ended = { $count ->
    [one] { $count } other device was signed out.
   *[other] { $count } other devices were signed out.
}
notice-inbox-cleared = All messages deleted.
notice-waits-until = Your passkey is new. You can do this from { $time }.
error-totp-wrong = That is not the code. Enter the newest one in the app.
error-email-format = Enter an email address, like hoa@example.vn
error-email-same = This is the address in use
error-phone-same = This is the number in use
error-notice-code-format = Enter the 8 symbols in the notice, like 7F3K-92MX
error-notice-code-wrong = The number or the code is not right, or the code was used
error-try-again-from = Try again from { $time }
notice-totp-added = Authenticator app added.
notice-totp-removed = Authenticator app removed.
notice-email-changed = Email address changed. Notices go there from now on. Your phone got a code to take this back.
notice-email-removed = Email address removed. Notices go to the phone only. It got a code to take this back.
notice-phone-changed = Phone number changed. The new one works now.
notice-phone-waits = New number received. It works after 24 hours and can be cancelled before.
notice-phone-cancelled = Change cancelled. The old number stays in use.
notice-sharing-stopped = Sharing stopped. The service will ask again at your next sign-in.
notice-settings-saved = Settings saved.
notice-account-opened = Your account is open again.
