// A gap, inflation and a rule in the variables, parameters and the shock of the Macroeconomic Model
// Data Base: percent, annualised. The equations are those of Gali (2015), chapter 3, with lags.

var y ypot pi i a
//**************************************************************************
// Modelbase Variables                                                   //*
    interest inflation inflationq outputgap output;                      //*
//**************************************************************************

varexo e_a
//**************************************************************************
// Modelbase Shocks                                                      //*
    interest_;                                                           //*
//**************************************************************************

parameters
//**************************************************************************
// Modelbase Parameters                                                  //*
    cofintintb1 cofintinf0 cofintout std_r_                              //*
//**************************************************************************
    beta sigma kappa habit index rho;

beta = 0.99; sigma = 1.5; kappa = 0.05; habit = 0.4; index = 0.3; rho = 0.8;
cofintintb1 = 0.7; cofintinf0 = 0.6; cofintout = 0.1; std_r_ = 0.25;

model(linear);
// Definition of Modelbase Variables in Terms of Original Model Variables
interest   = 4*i;
inflation  = (inflationq + inflationq(-1) + inflationq(-2) + inflationq(-3))/4;
inflationq = 4*pi;
outputgap  = y - ypot;
output     = y;

// Policy Rule
interest = cofintintb1*interest(-1) + cofintinf0*inflationq + cofintout*outputgap
         + std_r_*interest_;

// Original Model Code:
y = (y(+1) + habit*y(-1))/(1 + habit) - (1 - habit)/(1 + habit)/sigma*(i - pi(+1));
pi = (beta*pi(+1) + index*pi(-1))/(1 + beta*index) + kappa*outputgap;
ypot = a;
a = rho*a(-1) + e_a;
end;

shocks;
var e_a; stderr 0.7;
var interest_; stderr 1;
end;

stoch_simul(order = 1, irf = 20, nograph) interest inflationq outputgap output;
