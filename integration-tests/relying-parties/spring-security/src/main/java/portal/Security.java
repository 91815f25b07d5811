package portal;

import static org.springframework.security.config.Customizer.withDefaults;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.web.SecurityFilterChain;

/** Who may see what. */
@Configuration
class Security {
    /** Programs come with an access token (JWT, RFC 9068), checked with the provider's published keys. */
    @Bean
    @Order(1)
    SecurityFilterChain api(HttpSecurity http) throws Exception {
        return http.securityMatcher("/api/**")
            .authorizeHttpRequests(requests -> requests.anyRequest().hasAuthority("SCOPE_report"))
            // A token that is bound to a key (DPoP, RFC 9449) comes in with its proof only.
            .oauth2ResourceServer(server -> server.jwt(withDefaults()).dPoP(withDefaults()))
            .build();
    }

    /**
     * Reads access tokens: their header says {@code at+jwt} (RFC 9068 4), so that no ID token passes for one; issuer,
     * audience, times and client id must be there and right.
     */
    @Bean
    JwtDecoder accessTokens(
            @Value("${spring.security.oauth2.resourceserver.jwt.issuer-uri}") String issuer,
            @Value("${spring.security.oauth2.resourceserver.jwt.audiences}") String audience) {
        var decoder = NimbusJwtDecoder.withIssuerLocation(issuer)
            .jwsAlgorithm(SignatureAlgorithm.ES256)
            .validateType(false) // Nimbus knows "JWT" only; the validator below asks for more
            .build();
        decoder.setJwtValidator(JwtValidators.createAtJwtValidator().issuer(issuer).audience(audience).build());
        return decoder;
    }

    /** People sign in: code flow with PKCE, state and nonce, all by Spring. */
    @Bean
    @Order(2)
    SecurityFilterChain pages(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        var signOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
        signOut.setPostLogoutRedirectUri("{baseUrl}/");
        return http
            .authorizeHttpRequests(requests -> requests.requestMatchers("/").permitAll().anyRequest().authenticated())
            .oauth2Login(withDefaults())
            // Signing out here signs out at the provider; POST /logout, with Spring's token against forged forms.
            .logout(logout -> logout.logoutSuccessHandler(signOut))
            // The provider tells when a session ends elsewhere: POST /logout/connect/back-channel/dinhdanh.
            .oidcLogout(logout -> logout.backChannel(withDefaults()))
            .build();
    }
}
