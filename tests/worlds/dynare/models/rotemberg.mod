// A New Keynesian economy with quadratic price adjustment costs, in levels: Rotemberg (1982, REStud
// 49(4)) pricing, habits in consumption as in Fuhrer (2000, AER 90(3)), a rule that reacts to
// inflation over four quarters, and the price level, which has a unit root.
var y c mc pi R lam a g P pi4 er u;
varexo e_a e_g e_r;
parameters beta sigma psi theta h gy rho rpi ry rho_a rho_g rho_r pibar omega;

parameters sd_a;
beta = 0.995; sigma = 1.5; psi = 80; theta = 6; h = 0.6; gy = 0.2;
rho = 0.75; rpi = 1.8; ry = 0.1;
rho_a = 0.9; rho_g = 0.85; rho_r = 0.4;
pibar = 1 + 2/400;
omega = theta/(theta - 1);
share = 0.008;            // a number of the script's own
sd_a = share;

model;
#gap = y/STEADY_STATE(y);
lam = (c - h*c(-1))^(-sigma);
1 = beta*R*lam(+1)/lam/pi(+1);
(1 - theta) + theta*mc - psi*(pi - pibar)*pi + beta*psi*lam(+1)/lam*(pi(+1) - pibar)*pi(+1)*y(+1)/y = 0;
mc = y^sigma/exp(2*a)/omega*(1 - h)^sigma*(1 - gy)^sigma*lam*c^sigma;
y = c + g + psi/2*(pi - pibar)^2*y;
R/STEADY_STATE(R) = (R(-1)/STEADY_STATE(R))^rho*((pi4/pibar^4)^(rpi/4)*gap^ry)^(1 - rho)*exp(er);
pi4 = pi*pi(-1)*pi(-2)*pi(-3);
P/P(-1) = pi/pibar;
g = gy*STEADY_STATE(y)*exp(u);
u = rho_g*u(-1) + e_g;
[name='technology'] a = rho_a*a(-1) + e_a;
er = rho_r*er(-1) + e_r;
end;

initval;
  y = 1.25; c = 1; g = gy*y; mc = 1/omega; pi = pibar; R = pibar/beta; lam = (0.4*c)^(-sigma);
  a = 0; u = 0; P = 1; pi4 = pibar^4; er = 0;
end;

shocks;
  var e_a; stderr sd_a;
  var e_g; stderr 0.01;
  var e_r; stderr 0.002;
  corr e_a, e_g = -0.3;
end;
stoch_simul(order=1);
