"""What every end-to-end test uses: proxies, scripted origins, a raw client and the admin client."""
