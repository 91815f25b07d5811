//! Texts of SMS and calls. SMS are unaccented, fit one GSM-7 part (160 septets) and never hold a link; a code
//! message ends with the line `@host #code` that browsers bind to the site (origin-bound one-time codes).

use super::Locale;
use crate::base::Timestamp;
use unicode_normalization::UnicodeNormalization;

/// Length of one GSM-7 message, in septets (3GPP TS 23.038).
pub const SMS_LENGTH: usize = 160;

/// Longest portal name put into a message.
const NAME_LENGTH: usize = 30;
/// Longest name of an organization in a message that says "not you?" too.
const SHORT_NAME_LENGTH: usize = 20;

/// Whom a message says to call where no hotline is set.
pub const fn instead_of_hotline(locale: Locale) -> &'static str {
    match locale {
        Locale::Vi => "quay dinh danh gan nhat",
        Locale::En => "the nearest identification counter",
    }
}

/// How whoever did not do what a notice tells says so.
#[derive(Clone, Copy, Debug)]
pub struct NotYou<'a> {
    /// With the personal number it works on the page "not me", signed in or not.
    pub code: Option<&'a str>,
    /// Whom to call.
    pub hotline: &'a str,
}

impl NotYou<'_> {
    fn text(&self, locale: Locale) -> String {
        let hotline = self.hotline;
        match (locale, self.code) {
            (Locale::Vi, Some(code)) => {
                format!("Khong phai ban? Vao muc Khong phai toi, ma {code}, hoac goi {hotline}.")
            }
            (Locale::En, Some(code)) => format!("Not you? Open Not me, code {code}, or call {hotline}."),
            (Locale::Vi, None) => format!("Khong phai ban? Goi {hotline}."),
            (Locale::En, None) => format!("Not you? Call {hotline}."),
        }
    }
}

/// The code for signing in to `portal`. `host` is the provider's own, as registered for passkeys.
pub fn sign_in_sms(locale: Locale, portal: &str, host: &str, code: &str) -> String {
    let portal = plain(portal, NAME_LENGTH);
    let text = match locale {
        Locale::Vi => {
            format!("{code} la ma dang nhap {portal}. Khong dua ma nay cho ai, ke ca cong an, can bo.")
        }
        Locale::En => format!("{code} is your code for {portal}. Give it to nobody, not even police or officials."),
    };
    bound(&text, host, code)
}

/// The code that confirms the phone of a new account.
pub fn create_account_sms(locale: Locale, host: &str, code: &str) -> String {
    let text = match locale {
        Locale::Vi => format!("{code} la ma tao tai khoan dinh danh. Khong dua ma nay cho ai, ke ca cong an, can bo."),
        Locale::En => format!("{code} is your code to create an account. Give it to nobody, not even police."),
    };
    bound(&text, host, code)
}

/// To the registered phone when somebody tries to create an account that exists already.
pub fn account_exists_sms(locale: Locale, hotline: &str) -> String {
    match locale {
        Locale::Vi => format!(
            "Co nguoi vua tao tai khoan bang so dinh danh cua ban. Ban da co tai khoan: hay dang nhap. Khong phai ban? Goi {hotline}."
        ),
        Locale::En => format!(
            "Someone tried to create an account with your number. You already have one: sign in. Not you? Call {hotline}."
        ),
    }
}

/// When the register confirmed an account that waited.
pub fn account_confirmed_sms(locale: Locale) -> String {
    match locale {
        Locale::Vi => "Tai khoan dinh danh cua ban da duoc xac nhan. Ban khong can lam gi them.",
        Locale::En => "Your account was confirmed by the register. You need not do anything.",
    }
    .to_owned()
}

/// When the register's data differ from those of an account that waited.
pub fn account_not_confirmed_sms(locale: Locale, hotline: &str) -> String {
    match locale {
        Locale::Vi => format!(
            "Thong tin tai khoan cua ban khong khop co so du lieu dan cu. Mang the can cuoc toi quay, hoac goi {hotline}."
        ),
        Locale::En => format!(
            "Your account's details differ from the register's. Bring your ID card to a counter, or call {hotline}."
        ),
    }
}

/// When a portal asks for the person's approval.
pub fn request_waits_sms(locale: Locale, portal: &str, hotline: &str) -> String {
    let portal = plain(portal, NAME_LENGTH);
    match locale {
        Locale::Vi => format!(
            "{portal} xin ban dong y. Vao tai khoan, muc Yeu cau dang cho. Khong phai viec cua ban? Tu choi, hoac goi {hotline}."
        ),
        Locale::En => format!(
            "{portal} asks for your approval. See Requests in your account. Not yours? Refuse, or call {hotline}."
        ),
    }
}

/// After a passkey was added.
pub fn passkey_added_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => {
            format!("Tai khoan cua ban co them khoa dang nhap luc {time}. {not_you}")
        }
        Locale::En => format!("A new passkey was added to your account at {time}. {not_you}"),
    }
}

/// After a passkey was removed.
pub fn passkey_removed_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Mot khoa dang nhap cua ban da bi go luc {time}. {not_you}"),
        Locale::En => format!("A passkey was removed from your account at {time}. {not_you}"),
    }
}

/// After the password was set or changed.
pub fn password_changed_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Mat khau tai khoan cua ban da doi luc {time}. {not_you}"),
        Locale::En => format!("Your account password was changed at {time}. {not_you}"),
    }
}

/// After new printed codes were made, or one was used to sign in.
pub fn recovery_codes_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => {
            format!("Ma in san cua tai khoan vua duoc dung hoac doi luc {time}. {not_you}")
        }
        Locale::En => format!("Printed codes of your account were used or renewed at {time}. {not_you}"),
    }
}

/// After a sign-in from a browser not seen before.
pub fn new_device_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => {
            format!("Co thiet bi moi dang nhap tai khoan cua ban luc {time}. {not_you}")
        }
        Locale::En => format!("A new device signed in to your account at {time}. {not_you}"),
    }
}

/// The code that confirms a new phone of an account.
pub fn confirm_phone_sms(locale: Locale, host: &str, code: &str) -> String {
    let text = match locale {
        Locale::Vi => format!("{code} la ma xac nhan so dien thoai moi. Khong dua ma nay cho ai, ke ca cong an."),
        Locale::En => format!("{code} is your code to confirm a new phone. Give it to nobody, not even police."),
    };
    bound(&text, host, code)
}

/// To the old phone when another one was asked for.
pub fn phone_change_asked_sms(locale: Locale, from: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(from);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("So dien thoai cua tai khoan se doi luc {time}. {not_you}"),
        Locale::En => format!("The phone of your account changes at {time}. {not_you}"),
    }
}

/// The code that confirms an e-mail address. It goes by e-mail only.
pub fn confirm_email(locale: Locale, host: &str, code: &str) -> String {
    match locale {
        Locale::Vi => format!(
            "{code} là mã xác nhận địa chỉ thư điện tử này cho tài khoản định danh tại {host}. Không đưa mã này cho ai, kể cả công an. Không phải bạn? Hãy bỏ qua thư này."
        ),
        Locale::En => format!(
            "{code} is the code to confirm this email address for your account at {host}. Give it to nobody, not even police. Not you? Ignore this email."
        ),
    }
}

/// To the phone and the old address when the e-mail address was changed or removed.
pub fn email_changed_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Dia chi thu cua tai khoan da doi luc {time}. {not_you}"),
        Locale::En => format!("The email of your account changed at {time}. {not_you}"),
    }
}

/// When the phone was changed.
pub fn phone_changed_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("So dien thoai cua tai khoan da doi luc {time}. {not_you}"),
        Locale::En => format!("The phone of your account was changed at {time}. {not_you}"),
    }
}

/// When a waiting change of phone was cancelled.
pub fn phone_change_cancelled_sms(locale: Locale, at: Timestamp) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Da huy viec doi so dien thoai luc {time}. So cu van dung duoc."),
        Locale::En => format!("The change of phone was cancelled at {time}. Your old number stays in use."),
    }
}

/// After an authenticator app was added.
pub fn totp_added_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Tai khoan cua ban co them ung dung tao ma luc {time}. {not_you}"),
        Locale::En => format!("An authenticator app was added to your account at {time}. {not_you}"),
    }
}

/// After the authenticator app was removed.
pub fn totp_removed_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Ung dung tao ma da bi go khoi tai khoan luc {time}. {not_you}"),
        Locale::En => {
            format!("Your authenticator app was removed at {time}. {not_you}")
        }
    }
}

/// When the account was frozen.
pub fn account_frozen_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => {
            format!("Tai khoan cua ban da khoa tam luc {time}. Dang nhap de mo lai. {not_you}")
        }
        Locale::En => format!("Your account was frozen at {time}. Sign in to open it again. {not_you}"),
    }
}

/// When a frozen account was opened again.
pub fn account_unfrozen_sms(locale: Locale, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let time = time_of(at);
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("Tai khoan cua ban da mo lai luc {time}. {not_you}"),
        Locale::En => format!("Your account was opened again at {time}. {not_you}"),
    }
}

/// When the account was closed.
pub fn account_closed_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Tai khoan cua ban da dong luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("Your account was closed at {time}. Not you? Call {hotline}."),
    }
}

/// To a representative who must agree before an organization's account opens.
pub fn organization_asked_sms(locale: Locale, name: &str) -> String {
    let name = plain(name, NAME_LENGTH);
    match locale {
        Locale::Vi => format!(
            "{name}: co nguoi dai dien xin mo tai khoan, can ban dong y. Dang nhap, vao Tai khoan cua toi, muc To chuc."
        ),
        Locale::En => format!(
            "{name}: a representative asks to open its account; you must agree. Sign in, open My account, My organizations."
        ),
    }
}

/// To whoever applied, when an organization's account opened.
pub fn organization_opened_sms(locale: Locale, name: &str, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let (name, time) = (plain(name, SHORT_NAME_LENGTH), time_of(at));
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("{name} da mo tai khoan (muc To chuc) luc {time}. {not_you}"),
        Locale::En => format!("{name}: account opened {time}, see My organizations. {not_you}"),
    }
}

/// To whoever applied, when a representative did not agree.
pub fn organization_refused_sms(locale: Locale, name: &str, at: Timestamp) -> String {
    let (name, time) = (plain(name, NAME_LENGTH), time_of(at));
    match locale {
        Locale::Vi => format!(
            "{name}: luc {time} co nguoi dai dien khong dong y mo tai khoan. Dang nhap, vao Tai khoan cua toi, muc To chuc."
        ),
        Locale::En => format!(
            "{name}: a representative did not agree to its account at {time}. Sign in, open My account, My organizations."
        ),
    }
}

/// To every representative, when an organization's account was closed.
pub fn organization_closed_sms(locale: Locale, name: &str, at: Timestamp, not_you: &NotYou<'_>) -> String {
    let (name, time) = (plain(name, SHORT_NAME_LENGTH), time_of(at));
    let not_you = not_you.text(locale);
    match locale {
        Locale::Vi => format!("{name} da dong tai khoan (muc To chuc) luc {time}. {not_you}"),
        Locale::En => format!("{name}: account closed {time}, see My organizations. {not_you}"),
    }
}

/// What a call reads: the code digit by digit, twice, slowly.
pub fn code_call(locale: Locale, code: &str) -> String {
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    match locale {
        Locale::Vi => format!(
            "Mã đăng nhập của bạn là: {digits}. Không ai được hỏi mã này, kể cả công an. Xin nhắc lại: {digits}."
        ),
        Locale::En => format!(
            "Your sign-in code is: {digits}. Nobody may ask you for this code, not even the police. Once more: {digits}."
        ),
    }
}

fn bound(text: &str, host: &str, code: &str) -> String {
    // The binding names a host without port.
    let host = host.split(':').next().unwrap_or(host);
    format!("{text}\n@{host} #{code}")
}

fn time_of(at: Timestamp) -> String {
    let local = at.to_vietnam();
    format!("{:02}:{:02} {}/{}", local.hour(), local.minute(), local.day(), u8::from(local.month()))
}

/// `name` without accents, in plain ASCII letters, cut at `most` characters on a word's end when possible.
/// Also takes the sting out of a name: no line breaks, no `@`, `#`, `/` or `:` that could look like a link or binding.
pub fn plain(name: &str, most: usize) -> String {
    let folded: String = name
        .nfd()
        .filter_map(|c| match c {
            'đ' => Some('d'),
            'Đ' => Some('D'),
            c if c.is_ascii_alphanumeric() || c == '-' => Some(c),
            c if c.is_whitespace() => Some(' '),
            _ => None,
        })
        .collect();
    let mut short = String::new();
    for word in folded.split_whitespace() {
        let room = most.saturating_sub(short.len() + usize::from(!short.is_empty()));
        if word.len() > room {
            if short.is_empty() {
                short.extend(word.chars().take(most));
            }
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The basic table of 3GPP TS 23.038 that our texts may use (one septet each).
    fn is_gsm7(c: char) -> bool {
        c.is_ascii_alphanumeric() || " \n@$_!\"#%&'()*+,-./:;<=>?".contains(c)
    }

    fn all(locale: Locale, hotline: &str) -> Vec<String> {
        let at = Timestamp::from_seconds(1_795_244_700);
        let not_you = NotYou { code: Some("7F3K-92MX"), hotline };
        let name = "Công ty Trách nhiệm hữu hạn Một thành viên Sao Mai";
        let host = "dinhdanh.binhminh.example:8443";
        vec![
            sign_in_sms(locale, "Cổng Dịch vụ công tỉnh Bình Minh và rất nhiều chữ", host, "123456"),
            create_account_sms(locale, host, "123456"),
            account_exists_sms(locale, hotline),
            passkey_added_sms(locale, at, &not_you),
            passkey_removed_sms(locale, at, &not_you),
            password_changed_sms(locale, at, &not_you),
            recovery_codes_sms(locale, at, &not_you),
            new_device_sms(locale, at, &not_you),
            account_confirmed_sms(locale),
            confirm_phone_sms(locale, host, "123456"),
            phone_change_asked_sms(locale, at, &not_you),
            phone_changed_sms(locale, at, &not_you),
            email_changed_sms(locale, at, &not_you),
            phone_change_cancelled_sms(locale, at),
            totp_added_sms(locale, at, &not_you),
            totp_removed_sms(locale, at, &not_you),
            account_frozen_sms(locale, at, &not_you),
            account_unfrozen_sms(locale, at, &not_you),
            account_closed_sms(locale, at, hotline),
            account_not_confirmed_sms(locale, hotline),
            organization_asked_sms(locale, name),
            organization_opened_sms(locale, name, at, &not_you),
            organization_refused_sms(locale, name, at),
            organization_closed_sms(locale, name, at, &not_you),
        ]
    }

    #[test]
    fn every_message_is_one_unaccented_part_without_a_link() {
        for (locale, hotline) in Locale::ALL.into_iter().flat_map(|l| [(l, "1900 0000"), (l, instead_of_hotline(l))]) {
            for text in all(locale, hotline) {
                assert!(text.chars().all(is_gsm7), "{text}");
                assert!(text.chars().count() <= SMS_LENGTH, "{} {text}", text.len());
                assert!(!text.contains("http") && !text.contains("//") && !text.contains("www"), "{text}");
            }
        }
    }

    #[test]
    fn a_code_message_ends_with_its_binding_and_warns() {
        let text = sign_in_sms(Locale::Vi, "Cổng DVC Bình Minh", "dinhdanh.example:8443", "123456");
        assert_eq!(
            text,
            "123456 la ma dang nhap Cong DVC Binh Minh. Khong dua ma nay cho ai, ke ca cong an, can bo.\n@dinhdanh.example #123456"
        );
        assert!(create_account_sms(Locale::En, "a.example", "000111").ends_with("\n@a.example #000111"));
    }

    #[test]
    fn k2_a_portal_name_cannot_forge_a_line_a_link_or_a_binding() {
        assert_eq!(plain("Evil\n@bank.example #1 https://x", 30), "Evil bankexample 1 httpsx");
        assert_eq!(plain("Đường Ẳng", 30), "Duong Ang");
        assert_eq!(plain("Cổng Dịch vụ công tỉnh Bình Minh", 18), "Cong Dich vu cong");
        assert_eq!(plain("Llanfairpwllgwyngyll", 5), "Llanf");
        assert_eq!(plain("", 5), "");
    }

    #[test]
    fn a_call_reads_the_code_twice() {
        assert_eq!(code_call(Locale::Vi, "120394").matches("1, 2, 0, 3, 9, 4").count(), 2);
        assert_eq!(code_call(Locale::En, "120394").matches("1, 2, 0, 3, 9, 4").count(), 2);
    }
}
