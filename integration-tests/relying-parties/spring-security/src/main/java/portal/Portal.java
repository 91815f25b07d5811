package portal;

import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A portal with pages for people and an API for programs. Who may see what is in {@link Security}. */
@SpringBootApplication
@RestController
public class Portal {
    public static void main(String[] arguments) {
        SpringApplication.run(Portal.class, arguments);
    }

    @GetMapping("/")
    Map<String, Object> home() {
        return Map.of("portal", "open to anybody");
    }

    @GetMapping("/me")
    Map<String, Object> me(@AuthenticationPrincipal OidcUser person) {
        var known = new LinkedHashMap<String, Object>();
        known.put("name", person.getFullName());
        for (var claim : new String[] {"sub", "sid", "acr", "identity_level", "authentication_level"}) {
            known.put(claim, person.getClaim(claim));
        }
        return known;
    }

    @GetMapping("/api/report")
    Map<String, Object> report(@AuthenticationPrincipal Jwt token) {
        return Map.of("report", "42 applications", "for", token.getClaimAsString("client_id"));
    }
}
