package portal;

import com.nimbusds.jose.jwk.JWK;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.http.converter.FormHttpMessageConverter;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.TokenExchangeOAuth2AuthorizedClientProvider;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.endpoint.NimbusJwtClientAuthenticationParametersConverter;
import org.springframework.security.oauth2.client.endpoint.OAuth2AuthorizationCodeGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientAuthorizationCodeTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientTokenExchangeTokenResponseClient;
import org.springframework.security.oauth2.client.http.OAuth2ErrorResponseErrorHandler;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.OAuth2AccessToken.TokenType;
import org.springframework.security.oauth2.core.http.converter.OAuth2AccessTokenResponseHttpMessageConverter;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * The provider's other doors, with {@code application-doors.yaml}: people sign in at a portal without a secret
 * ({@code private_key_jwt}), and the API calls the next service in the name of whoever called it (RFC 8693), known by a
 * certificate (RFC 8705). That the API takes tokens bound to a key (DPoP, RFC 9449) needs nothing: see {@link Security}.
 */
@Configuration
@Profile("doors")
class Doors {
    /** The portal proves itself by its key. Spring writes the token endpoint as audience; the provider wants the issuer. */
    @Bean
    RestClientAuthorizationCodeTokenResponseClient codes(@Value("${portal.key}") Path file) throws Exception {
        var key = JWK.parse(Files.readString(file));
        var proof = new NimbusJwtClientAuthenticationParametersConverter<OAuth2AuthorizationCodeGrantRequest>(client -> key);
        proof.setJwtClientAssertionCustomizer(assertion -> {
            var provider = assertion.getAuthorizationGrantRequest().getClientRegistration().getProviderDetails();
            assertion.getClaims().audience(List.of(provider.getIssuerUri()));
        });
        var codes = new RestClientAuthorizationCodeTokenResponseClient();
        codes.addParametersConverter(proof);
        return codes;
    }

    /** Exchanges the token of the call, over a connection that shows the certificate. */
    @Bean
    TokenExchangeOAuth2AuthorizedClientProvider exchange(SslBundles bundles, @Value("${portal.archive}") String archive) {
        var certificate = HttpClient.newBuilder().sslContext(bundles.getBundle("portal").createSslContext()).build();
        var exchange = new RestClientTokenExchangeTokenResponseClient();
        exchange.setRestClient(RestClient.builder()
            .requestFactory(new JdkClientHttpRequestFactory(certificate))
            .configureMessageConverters(converters -> converters
                .addCustomConverter(new FormHttpMessageConverter())
                .addCustomConverter(new OAuth2AccessTokenResponseHttpMessageConverter()))
            .defaultStatusHandler(new OAuth2ErrorResponseErrorHandler())
            .build());
        exchange.addParametersConverter(grant -> MultiValueMap.fromSingleValue(Map.of("resource", archive)));
        var provider = new TokenExchangeOAuth2AuthorizedClientProvider();
        provider.setAccessTokenResponseClient(exchange);
        // Spring would call the token of the call a JWT; the provider exchanges access tokens.
        provider.setSubjectTokenResolver(context -> {
            var token = (Jwt) context.getPrincipal().getPrincipal();
            return new OAuth2AccessToken(TokenType.BEARER, token.getTokenValue(), token.getIssuedAt(), token.getExpiresAt());
        });
        return provider;
    }

    @RestController
    @Profile("doors")
    static class Forwarding {
        /** A real service would call the archive with this token; here it is shown to whoever called. */
        @GetMapping("/api/archive")
        Map<String, String> archive(@RegisteredOAuth2AuthorizedClient("archive") OAuth2AuthorizedClient archive) {
            return Map.of("token", archive.getAccessToken().getTokenValue());
        }
    }
}
