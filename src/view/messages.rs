//! Texts of SMS and calls. SMS are unaccented, fit one GSM-7 part (160 septets) and never hold a link; a code
//! message ends with the line `@host #code` that browsers bind to the site (origin-bound one-time codes).

use super::Locale;
use crate::base::Timestamp;
use unicode_normalization::UnicodeNormalization;

/// Length of one GSM-7 message, in septets (3GPP TS 23.038).
pub const SMS_LENGTH: usize = 160;

/// Longest portal name put into a message.
const NAME_LENGTH: usize = 30;

/// Whom a message says to call where no hotline is set.
pub const fn instead_of_hotline(locale: Locale) -> &'static str {
    match locale {
        Locale::Vi => "quay dinh danh gan nhat",
        Locale::En => "the nearest identification counter",
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

/// After a passkey was added.
pub fn passkey_added_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => {
            format!("Tai khoan cua ban co them khoa dang nhap luc {time}. Khong phai ban? Goi {hotline}.")
        }
        Locale::En => format!("A new passkey was added to your account at {time}. Not you? Call {hotline}."),
    }
}

/// After a passkey was removed.
pub fn passkey_removed_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Mot khoa dang nhap cua ban da bi go luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("A passkey was removed from your account at {time}. Not you? Call {hotline}."),
    }
}

/// After the password was set or changed.
pub fn password_changed_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Mat khau tai khoan cua ban da doi luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("Your account password was changed at {time}. Not you? Call {hotline}."),
    }
}

/// After new printed codes were made, or one was used to sign in.
pub fn recovery_codes_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => {
            format!("Ma in san cua tai khoan vua duoc dung hoac doi luc {time}. Khong phai ban? Goi {hotline}.")
        }
        Locale::En => format!("Printed codes of your account were used or renewed at {time}. Not you? Call {hotline}."),
    }
}

/// After a sign-in from a browser not seen before.
pub fn new_device_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => {
            format!("Co thiet bi moi dang nhap tai khoan cua ban luc {time}. Khong phai ban? Goi {hotline}.")
        }
        Locale::En => format!("A new device signed in to your account at {time}. Not you? Call {hotline}."),
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
pub fn phone_change_asked_sms(locale: Locale, from: Timestamp, code: &str, hotline: &str) -> String {
    let time = time_of(from);
    match locale {
        Locale::Vi => format!(
            "So dien thoai cua tai khoan se doi luc {time}. Khong phai ban? Vao muc Khong phai toi, ma {code}, hoac goi {hotline}."
        ),
        Locale::En => format!(
            "The phone of your account changes at {time}. Not you? Open Not me on our site, code {code}, or call {hotline}."
        ),
    }
}

/// When the phone was changed.
pub fn phone_changed_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("So dien thoai cua tai khoan da doi luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("The phone of your account was changed at {time}. Not you? Call {hotline}."),
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
pub fn totp_added_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Tai khoan cua ban co them ung dung tao ma luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("An authenticator app was added to your account at {time}. Not you? Call {hotline}."),
    }
}

/// After the authenticator app was removed.
pub fn totp_removed_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Ung dung tao ma da bi go khoi tai khoan luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => {
            format!("The authenticator app was removed from your account at {time}. Not you? Call {hotline}.")
        }
    }
}

/// When the account was frozen.
pub fn account_frozen_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => {
            format!("Tai khoan cua ban da khoa tam luc {time}. Dang nhap de mo lai. Khong phai ban? Goi {hotline}.")
        }
        Locale::En => format!("Your account was frozen at {time}. Sign in to open it again. Not you? Call {hotline}."),
    }
}

/// When a frozen account was opened again.
pub fn account_unfrozen_sms(locale: Locale, at: Timestamp, hotline: &str) -> String {
    let time = time_of(at);
    match locale {
        Locale::Vi => format!("Tai khoan cua ban da mo lai luc {time}. Khong phai ban? Goi {hotline}."),
        Locale::En => format!("Your account was opened again at {time}. Not you? Call {hotline}."),
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
        let host = "dinhdanh.binhminh.example:8443";
        vec![
            sign_in_sms(locale, "Cổng Dịch vụ công tỉnh Bình Minh và rất nhiều chữ", host, "123456"),
            create_account_sms(locale, host, "123456"),
            account_exists_sms(locale, hotline),
            passkey_added_sms(locale, at, hotline),
            passkey_removed_sms(locale, at, hotline),
            password_changed_sms(locale, at, hotline),
            recovery_codes_sms(locale, at, hotline),
            new_device_sms(locale, at, hotline),
            account_confirmed_sms(locale),
            confirm_phone_sms(locale, host, "123456"),
            phone_change_asked_sms(locale, at, "7F3K-92MX", hotline),
            phone_changed_sms(locale, at, hotline),
            phone_change_cancelled_sms(locale, at),
            totp_added_sms(locale, at, hotline),
            totp_removed_sms(locale, at, hotline),
            account_frozen_sms(locale, at, hotline),
            account_unfrozen_sms(locale, at, hotline),
            account_closed_sms(locale, at, hotline),
            account_not_confirmed_sms(locale, hotline),
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
